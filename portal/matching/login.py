"""Logging in, by which what a visitor kept becomes theirs."""

from __future__ import annotations

from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpResponse

from portal.accounts import views
from portal.accounts.models import User
from portal.matching.services import claim_favourites


class Login(views.Login):
    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        # Logging in gives the session another key.
        key = self.request.session.session_key
        response = super().form_valid(form)
        user = form.get_user()
        if key and isinstance(user, User):
            claim_favourites(owner=user, owner_key=key)
        return response
