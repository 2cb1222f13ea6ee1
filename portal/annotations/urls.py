from django.urls import path

from portal.annotations import views

app_name = "annotations"

urlpatterns = [
    path("annotate/", views.overview, name="overview"),
    path("annotate/next/", views.following, name="next"),
    path("annotate/<int:photo_id>/", views.photo, name="photo"),
    path("annotate/<int:photo_id>/skip/", views.skip, name="skip"),
    path("annotate/<int:photo_id>/delete/", views.delete, name="delete"),
    path("annotations.zip", views.download, name="download"),
]
