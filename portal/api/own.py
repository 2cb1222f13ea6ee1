"""A user's tokens, a copy of all that is kept of them, and the end of their account."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.accounts.access import SignedInRequest, is_admin, required
from portal.api import leaving, services
from portal.api.models import ApiToken
from portal.jobs.messages import sentence
from portal.shelters.models import Shelter

signed_in = required(lambda user: user.is_authenticated)

SCOPES = {
    ApiToken.Scope.WRITE: gettext_lazy("change dogs and photos"),
    ApiToken.Scope.SEARCH: gettext_lazy("search with photos"),
    ApiToken.Scope.ADMIN: gettext_lazy("what admins may"),
}


class TokenForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("What is it for?"),
        max_length=80,
        error_messages={"required": gettext_lazy("Give it a name, to tell it by later.")},
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("It may read, and"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    shelter = forms.ModelChoiceField(
        label=gettext_lazy("only dogs of"),
        queryset=Shelter.objects.none(),
        required=False,
        empty_label=gettext_lazy("all that I may change"),
    )

    def __init__(self, request: SignedInRequest) -> None:
        super().__init__(request.POST if request.method == "POST" else None)
        allowed = SCOPES if is_admin(request.user) else {
            scope: words for scope, words in SCOPES.items() if scope != ApiToken.Scope.ADMIN
        }  # fmt: skip
        scopes, shelter = self.fields["scopes"], self.fields["shelter"]
        assert isinstance(scopes, forms.MultipleChoiceField)
        assert isinstance(shelter, forms.ModelChoiceField)
        scopes.choices = [(scope.value, words) for scope, words in allowed.items()]
        shelter.queryset = Shelter.objects.staffed_by(request.user)


class LeaveForm(forms.Form):
    password = forms.CharField(
        label=gettext_lazy("password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": gettext_lazy("Enter your password, so that it is you.")},
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def tokens(request: SignedInRequest) -> HttpResponse:
    """One's tokens, and a new one, which is shown once."""
    form = TokenForm(request)
    if form.is_valid():
        _token, secret = services.create_token(user=request.user, **form.cleaned_data)
        request.session["new_token"] = secret
        return redirect("tokens")
    context = {
        "form": form,
        "new_token": request.session.pop("new_token", "") if request.method == "GET" else "",
        "tokens": ApiToken.objects.filter(user=request.user, revoked_at=None).select_related(
            "shelter"
        ),
    }
    return render(request, "accounts/tokens.html", context, status=422 if form.is_bound else 200)


@require_POST
@signed_in
def revoke(request: SignedInRequest, token_id: int) -> HttpResponse:
    own = ApiToken.objects.filter(user=request.user, revoked_at=None)
    services.revoke_token(token=get_object_or_404(own, pk=token_id))
    messages.success(request, _("The token is revoked."))
    return redirect("tokens")


@never_cache
@require_safe
@signed_in
def export(request: SignedInRequest) -> HttpResponse:
    """A file with all that is kept of the account."""
    response = JsonResponse(
        leaving.export_of(request.user), json_dumps_params={"indent": 2, "ensure_ascii": False}
    )
    response["Content-Disposition"] = 'attachment; filename="pawkin.json"'
    return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def leave(request: SignedInRequest) -> HttpResponse:
    """The copy, and the account's end once the password is given."""
    form = LeaveForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        if request.user.check_password(form.cleaned_data["password"]):
            try:
                leaving.erase_account(user=request.user)
            except leaving.LeavingRefused as refused:
                form.add_error(None, str(sentence(refused.code)))
            else:
                logout(request)
                messages.success(request, _("Your account is deleted, with all that was yours."))
                return redirect("home")
        else:
            form.add_error("password", _("This is not your password."))
    return render(
        request, "accounts/leave.html", {"form": form}, status=422 if form.is_bound else 200
    )
