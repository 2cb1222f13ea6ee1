from django.urls import path

from portal.feeds import pages, views

app_name = "staff_feeds"

urlpatterns = [
    path("suggestions/<int:suggestion_id>/", views.suggestion, name="suggestion"),
    path("import/", pages.feeds, name="feeds"),
    path("import/tables/<uuid:archive_id>/", pages.archive, name="archive"),
    path("import/tables/<uuid:archive_id>/apply/", pages.archive_apply, name="archive_apply"),
    path("import/tables/<uuid:archive_id>/discard/", pages.archive_discard, name="archive_discard"),
    path("import/new/<str:kind>/", pages.feed_new, name="feed_new"),
    path("import/feeds/<int:feed_id>/", pages.feed, name="feed"),
    path("import/feeds/<int:feed_id>/edit/", pages.feed_edit, name="feed_edit"),
    path("import/feeds/<int:feed_id>/run/", pages.feed_run, name="feed_run"),
    path("import/feeds/<int:feed_id>/delete/", pages.feed_delete, name="feed_delete"),
    path("import/runs/<int:run_id>/left-out.csv", pages.rejections, name="rejections"),
]
