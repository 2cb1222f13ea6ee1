from django.urls import path

from portal.matching import links, photos, views
from portal.matching.login import Login

urlpatterns = [
    path("", views.home, name="home"),
    path("login/", Login.as_view(), name="login"),
    path("saved-searches/confirm/", links.confirm_search, name="confirm_search"),
    path("saved-searches/unsubscribe/", links.unsubscribe, name="unsubscribe"),
    path("search/", views.search, name="search"),
    path("search/<uuid:query_id>/", views.query, name="query"),
    path("search/<uuid:query_id>/photo/", photos.query_photo, name="query_photo"),
    path("search/<uuid:query_id>/delete/", views.query_delete, name="query_delete"),
    path("search/<uuid:query_id>/compare/<int:dog_id>/", views.compare, name="compare"),
    path("dogs/", views.browse, name="browse"),
    path("dogs/<str:slug>/", views.dog, name="dog"),
    path("dogs/<str:slug>/similar/", views.dog_similar, name="dog_similar"),
    path("photos/<str:name>/<str:size>/", photos.photo, name="photo"),
]
