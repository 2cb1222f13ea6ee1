from django.urls import URLPattern, URLResolver, path, re_path

from portal.api import dogs, operations, pages, photos, searches, tokens
from portal.api.problems import unknown_address

app_name = "api"

urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", pages.SchemaView.as_view(), name="schema"),
    path("docs/", pages.Swagger.as_view(), name="docs"),
    path("redoc/", pages.Redoc.as_view(), name="redoc"),
    path("dogs/", dogs.Dogs.as_view(), name="dogs"),
    path("dogs/<str:slug>/", dogs.OneDog.as_view(), name="dog"),
    path("dogs/<str:slug>/photos/", photos.PhotosOfDog.as_view(), name="dog_photos"),
    path("dogs/<str:slug>/photos/order/", photos.OrderOfPhotos.as_view(), name="photo_order"),
    path("dogs/<str:slug>/similar/", searches.SimilarDogs.as_view(), name="dog_similar"),
    path("photos/<int:photo_id>/", photos.OnePhoto.as_view(), name="photo"),
    path("photos/<int:photo_id>/retry/", photos.PhotoAgain.as_view(), name="photo_retry"),
    path("searches/", searches.SearchesView.as_view(), name="searches"),
    path("searches/<uuid:search_id>/", searches.OneSearch.as_view(), name="search"),
    path("searches/<uuid:search_id>/events/", searches.SearchEvents.as_view(), name="events"),
    path("breeds/", dogs.Breeds.as_view(), name="breeds"),
    path("shelters/", dogs.Shelters.as_view(), name="shelters"),
    path("tokens/", tokens.Tokens.as_view(), name="tokens"),
    path("tokens/<int:token_id>/", tokens.OneToken.as_view(), name="token"),
    path("model-versions/", operations.Versions.as_view(), name="versions"),
    path(
        "model-versions/<int:version_id>/activate/",
        operations.ActivateVersion.as_view(),
        name="version_activate",
    ),
    path("reindex/", operations.Reindex.as_view(), name="reindex"),
    path("jobs/", operations.Jobs.as_view(), name="jobs"),
    path("jobs/<uuid:job_id>/retry/", operations.RetryJob.as_view(), name="job_retry"),
    re_path(r"", unknown_address),
]
