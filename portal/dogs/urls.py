from django.urls import path

from portal.dogs import cropping, resumable, start, views

app_name = "staff"

urlpatterns = [
    path("", start.home, name="home"),
    path("dogs/", views.dogs, name="dogs"),
    path("dogs/statuses/", start.set_statuses, name="set_statuses"),
    path("uploads/", resumable.create, name="uploads"),
    path("uploads/<uuid:upload_id>/", resumable.upload, name="upload"),
    path("photos/retry/", start.retry_all, name="retry_all"),
    path("dogs/new/", views.dog_new, name="dog_new"),
    path("dogs/<str:slug>/", views.dog_edit, name="dog_edit"),
    path("dogs/<str:slug>/changes/", start.changes, name="changes"),
    path("dogs/<str:slug>/status/", views.dog_status, name="dog_status"),
    path("dogs/<str:slug>/bond/", views.dog_bond, name="dog_bond"),
    path("dogs/<str:slug>/photos/", views.photos, name="photos"),
    path("dogs/<str:slug>/photos/add/", views.photo_add, name="photo_add"),
    path("dogs/<str:slug>/photos/order/", views.photo_order, name="photo_order"),
    path("photos/<int:photo_id>/crop/", cropping.photo_crop, name="photo_crop"),
    path("photos/<int:photo_id>/delete/", views.photo_delete, name="photo_delete"),
    path("photos/<int:photo_id>/retry/", views.photo_retry, name="photo_retry"),
]
