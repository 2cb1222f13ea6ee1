from django.urls import path

from portal.clips import pages

app_name = "staff_clips"

urlpatterns = [
    path("dogs/<str:slug>/clips/", pages.clips, name="clips"),
    path("clips/<int:clip_id>/", pages.clip, name="clip"),
    path("clips/<int:clip_id>/film/", pages.film, name="film"),
    path("clips/<int:clip_id>/poster/", pages.poster, name="poster"),
    path("clips/<int:clip_id>/retry/", pages.retry, name="retry"),
    path("clips/<int:clip_id>/delete/", pages.delete, name="delete"),
]
