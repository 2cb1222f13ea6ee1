"""Pages of an account that need to know all other apps."""

from django.urls import path

from portal.api import own

urlpatterns = [
    path("account/tokens/", own.tokens, name="tokens"),
    path("account/tokens/<int:token_id>/revoke/", own.revoke, name="revoke_token"),
    path("account/leave/", own.leave, name="leave"),
    path("account/export/", own.export, name="export"),
]
