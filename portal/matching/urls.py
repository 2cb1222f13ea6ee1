from django.urls import path

from portal.matching import hiding, hints, keeping, links, photos, survey, views

urlpatterns = [
    path("", views.home, name="home"),
    path("saved-searches/confirm/", links.confirm_search, name="confirm_search"),
    path("saved-searches/unsubscribe/", links.unsubscribe, name="unsubscribe"),
    path("favourites/", keeping.favourites, name="favourites"),
    path("saved-searches/", keeping.saved_searches, name="saved_searches"),
    path(
        "saved-searches/<uuid:search_id>/delete/",
        keeping.delete_saved_search,
        name="delete_saved_search",
    ),
    path("manifest.webmanifest", views.manifest, name="manifest"),
    path("survey/", survey.survey, name="survey"),
    path("search/", views.search, name="search"),
    path("search/<uuid:query_id>/", views.query, name="query"),
    path("search/<uuid:query_id>/photo/", photos.query_photo, name="query_photo"),
    path("search/<uuid:query_id>/delete/", views.query_delete, name="query_delete"),
    path("search/<uuid:query_id>/hide/", hiding.hide_from_query, name="hide_from_query"),
    path("search/<uuid:query_id>/save/", keeping.save_query, name="save_query"),
    path("search/<uuid:query_id>/compare/<int:dog_id>/", views.compare, name="compare"),
    path("dogs/", views.browse, name="browse"),
    path("dogs/<str:slug>/", views.dog, name="dog"),
    path("dogs/<str:slug>/similar/", views.dog_similar, name="dog_similar"),
    path("dogs/<str:slug>/similar/hide/", hiding.hide_from_similar, name="hide_from_similar"),
    path("dogs/<str:slug>/similar/save/", keeping.save_dog, name="save_dog"),
    path("dogs/<str:slug>/keep/", keeping.keep, name="keep"),
    path("dogs/<str:slug>/sheet/", views.sheet, name="sheet"),
    path("staff/photo-hints/", hints.photo_hints, name="photo_hints"),
    path("staff/photo-hints/<uuid:query_id>/", hints.photo_hint, name="photo_hint"),
    path("photos/<str:name>/<str:size>/", photos.photo, name="photo"),
]
