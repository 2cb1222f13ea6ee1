"""Who may call what. Whose rows one sees is decided by the querysets, and the rest is 404."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from portal.accounts.access import is_admin, works_for_shelter
from portal.api.models import ApiToken

if TYPE_CHECKING:
    from rest_framework.views import APIView


def allows(request: Request, scope: str) -> bool:
    """Whether the caller's token has this scope; a session has them all."""
    token = request.auth
    return not isinstance(token, ApiToken) or scope in token.scopes


class Scoped(BasePermission):
    """Reading needs no scope; `scope` is asked of a token for everything else."""

    scope: str = ApiToken.Scope.WRITE
    reads_too = False
    code: str | None = "not_allowed"

    def may(self, request: Request) -> bool:
        return True

    def has_permission(self, request: Request, view: APIView) -> bool:
        reading = request.method in SAFE_METHODS and not self.reads_too
        return self.may(request) and (reading or allows(request, self.scope))


class Everyone(Scoped):
    """Anybody reads; views with other methods name a permission of their own."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.method in SAFE_METHODS


class Searching(Scoped):
    """Anybody may ask; a token needs the scope `search`."""

    scope = ApiToken.Scope.SEARCH


class SignedIn(Scoped):
    def may(self, request: Request) -> bool:
        return bool(request.user.is_authenticated)


class Anybody(Scoped):
    """Visitors too; a token needs `write`."""


class StaffWrites(Scoped):
    """Anybody reads, staff of a shelter write."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method in SAFE_METHODS:
            return True
        return works_for_shelter(request.user) and allows(request, self.scope)


class Staff(Scoped):
    reads_too = True

    def may(self, request: Request) -> bool:
        return works_for_shelter(request.user)


class Admin(Scoped):
    scope = ApiToken.Scope.ADMIN
    reads_too = True

    def may(self, request: Request) -> bool:
        return is_admin(request.user)


def within_token(request: Request, rows: Any, shelter: str = "shelter") -> Any:
    """Rows that the caller's token may touch: with a token of one shelter, only that one's."""
    token = request.auth
    if isinstance(token, ApiToken) and token.shelter_id is not None:
        return rows.filter(**{shelter: token.shelter_id})
    return rows
