"""Who calls: a token in the Authorization header (RFC 6750), or the browser's session."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from portal.accounts.models import User
from portal.api import services
from portal.api.models import ApiToken


class BearerAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        kind, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        digest = services.digest_of(secret.strip())
        token = ApiToken.objects.valid().filter(digest=digest).select_related("user").first()
        if token is None:
            raise AuthenticationFailed(
                _("This token is not known, has expired or was revoked. Make a new one."),
                code="token_invalid",
            )
        services.touch_token(token=token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 says, so that a caller without credentials gets one and not a 403."""
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = BearerAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
