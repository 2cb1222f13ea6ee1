from django.urls import path

from portal.enquiries import inbox, views

urlpatterns = [
    path("dogs/<slug:slug>/ask/", views.ask, name="ask"),
    path("enquiries/", views.enquiries, name="enquiries"),
    path("enquiries/confirm/", views.confirm, name="confirm_enquiry"),
    path("enquiries/<uuid:enquiry_id>/", views.enquiry, name="enquiry"),
    path("enquiries/<uuid:enquiry_id>/close/", views.close, name="close_enquiry"),
    path("staff/enquiries/", inbox.inbox, name="inbox"),
    path("staff/enquiries/<uuid:enquiry_id>/", inbox.conversation, name="inbox_enquiry"),
    path("staff/enquiries/<uuid:enquiry_id>/state/", inbox.state, name="inbox_state"),
]
