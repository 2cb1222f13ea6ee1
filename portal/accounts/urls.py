from allauth.account import views as allauth
from django.contrib.auth.views import LogoutView
from django.urls import include, path, re_path

from portal.accounts import views

# Each of allauth's pages by the name that allauth asks for; what is not here is not offered.
urlpatterns = [
    path("login/", allauth.login, name="login"),
    path("login/", allauth.login, name="account_login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("logout/", LogoutView.as_view(), name="account_logout"),
    path("account/", views.account, name="account"),
    path("account/closed/", allauth.account_inactive, name="account_inactive"),
    path("account/sign-up/", allauth.signup, name="account_signup"),
    path("account/sure/", allauth.reauthenticate, name="account_reauthenticate"),
    path("account/address/", allauth.email, name="account_email"),
    path(
        "account/address/sent/",
        allauth.email_verification_sent,
        name="account_email_verification_sent",
    ),
    path(
        "account/address/<str:key>/",
        allauth.confirm_email,
        name="account_confirm_email",
    ),
    path("account/password/", allauth.password_change, name="account_change_password"),
    path("account/password/new/", allauth.password_set, name="account_set_password"),
    path("account/password/forgotten/", allauth.password_reset, name="account_reset_password"),
    path(
        "account/password/forgotten/sent/",
        allauth.password_reset_done,
        name="account_reset_password_done",
    ),
    re_path(
        r"^account/password/forgotten/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        allauth.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "account/password/changed/",
        allauth.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("account/two-factor/", include("allauth.mfa.urls")),
]
