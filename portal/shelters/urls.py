from django.urls import path

from portal.shelters import views

urlpatterns = [
    path("staff/members/", views.members, name="members"),
    path("staff/members/<int:membership_id>/remove/", views.remove, name="remove_member"),
    path("staff/invitations/<uuid:invitation_id>/revoke/", views.revoke, name="revoke_invitation"),
    path("staff/shelter/<str:slug>/", views.facts, name="shelter_facts"),
    path("invitations/<str:token>/", views.invitation, name="invitation"),
]
