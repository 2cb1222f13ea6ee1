from django.urls import path

from portal.enquiries import views

urlpatterns = [path("confirm/", views.confirm, name="confirm_enquiry")]
