from django.urls import path

from portal.feeds import views

app_name = "staff_feeds"

urlpatterns = [
    path("suggestions/<int:suggestion_id>/", views.suggestion, name="suggestion"),
]
