"""Who works for a shelter, and what adopters read about it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts.access import SignedInRequest, staff_required, start_page
from portal.accounts.models import User
from portal.jobs.messages import sentence
from portal.shelters import services
from portal.shelters.forms import InviteForm, JoinForm, ShelterForm
from portal.shelters.models import Invitation, Membership, Shelter

BACKEND = "django.contrib.auth.backends.ModelBackend"


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def members(request: SignedInRequest) -> HttpResponse:
    """Members and open invitations of the user's shelters, and one more invitation."""
    shelters = Shelter.objects.staffed_by(request.user)
    form = InviteForm(request.POST if request.method == "POST" else None, shelters=shelters)
    if form.is_valid():
        try:
            services.invite_member(
                by=request.user, language=get_language() or "en", **form.cleaned_data
            )
        except services.MembersRefused as refused:
            form.add_error("email", str(sentence(refused.code)))
        else:
            words = {"email": form.cleaned_data["email"]}
            messages.success(request, _("An invitation is on its way to %(email)s.") % words)
            return redirect("members")
    context = {
        "form": form,
        "shelters": shelters.prefetch_related("memberships__user"),
        "invitations": Invitation.objects.open()
        .filter(shelter__in=shelters)
        .select_related("shelter"),
    }
    status = 422 if form.is_bound else 200
    return render(request, "staff/members.html", context, status=status)


@require_POST
@staff_required
def remove(request: SignedInRequest, membership_id: int) -> HttpResponse:
    mine = Membership.objects.filter(shelter__in=Shelter.objects.staffed_by(request.user))
    membership = get_object_or_404(mine.select_related("user", "shelter"), pk=membership_id)
    try:
        services.remove_member(membership=membership, by=request.user)
    except services.MembersRefused as refused:
        messages.error(request, sentence(refused.code))
    else:
        messages.success(request, _("%(who)s is a member no more.") % {"who": membership.user})
    still = Shelter.objects.staffed_by(request.user).exists()
    return redirect("members" if still else "home")


@require_POST
@staff_required
def revoke(request: SignedInRequest, invitation_id: uuid.UUID) -> HttpResponse:
    mine = Invitation.objects.filter(shelter__in=Shelter.objects.staffed_by(request.user))
    services.revoke_invitation(invitation=get_object_or_404(mine, pk=invitation_id))
    messages.success(request, _("The invitation is withdrawn."))
    return redirect("members")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@staff_required
def facts(request: SignedInRequest, slug: str) -> HttpResponse:
    """Name, address, telephone and hours, as the dogs' pages show them."""
    shelter = get_object_or_404(Shelter.objects.staffed_by(request.user), slug=slug)
    form = ShelterForm(request.POST if request.method == "POST" else None, instance=shelter)
    if form.is_valid():
        services.update_shelter(shelter=shelter, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("shelter_facts", slug=slug)
    context = {"form": form, "shelter": shelter}
    status = 422 if form.is_bound else 200
    return render(request, "staff/shelter.html", context, status=status)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The page that an invitation's link leads to: a button for who is logged in with the invited
    address, a new account for who has none, the log-in page for who has one."""
    found = services.invitation_of(token)
    if found is None:
        return render(request, "staff/invitation.html", {"gone": True}, status=410)
    user = request.user if isinstance(request.user, User) else None
    known = User.objects.filter(email__iexact=found.email).exists()
    context = {
        "invitation": found,
        "login": f"{reverse('login')}?next={request.path}",
        "known": known,
        "other": user is not None and user.email.lower() != found.email.lower(),
    }
    if context["other"] or (user is None and known):
        return render(request, "staff/invitation.html", context)
    form = JoinForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and (user is not None or form.is_valid()):
        if user is None:
            user = User.objects.create_user(
                found.email,
                form.cleaned_data["password"],
                display_name=form.cleaned_data["name"],
                language=get_language() or "",
            )
            login(request, user, backend=BACKEND)
        services.accept_invitation(invitation=found, user=user)
        words = {"shelter": found.shelter.name}
        messages.success(request, _("Welcome. You work for %(shelter)s now.") % words)
        return redirect(start_page(user))
    status = 422 if form.is_bound else 200
    return render(request, "staff/invitation.html", {**context, "form": form}, status=status)
