"""Pages of what adopters keep: dogs, and searches of which they want to hear."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.models import User
from portal.dogs.models import Dog
from portal.jobs.messages import sentence
from portal.matching import presentation, services
from portal.matching.filters import Filters
from portal.matching.models import Favourite, Query, SavedSearch
from portal.throttles import Changes, Letters, limited

LISTED = (Dog.Status.AVAILABLE, Dog.Status.ON_HOLD)


@never_cache
@require_safe
def favourites(request: HttpRequest) -> HttpResponse:
    """The dogs that somebody keeps; those that have gone since are told of by name."""
    own = list(Favourite.objects.owned_by(request).select_related("dog__shelter"))
    listed = [row.dog_id for row in own if row.dog.status in LISTED]
    cards = presentation.dog_cards(presentation.for_cards(Dog.objects.filter(pk__in=listed)))
    by_dog = {card.dog.pk: card for card in cards}
    context = {
        "cards": [by_dog[pk] for pk in listed if pk in by_dog],
        "gone": [row.dog for row in own if row.dog.status not in LISTED],
    }
    return render(request, "pages/favourites.html", context)


@require_POST
@limited(Changes)
def keep(request: HttpRequest, slug: str) -> HttpResponse:
    """Keeps a dog, or lets it go with `keep=no`; the same again changes nothing."""
    wanted = request.POST.get("keep") != "no"
    if wanted:
        dog = get_object_or_404(Dog.objects.visible_to(request.user), slug=slug)
        if not request.session.session_key:
            request.session.create()
        owner = request.user if isinstance(request.user, User) else None
        services.keep_dog(
            dog=dog,
            owner=owner,
            owner_key=request.session.session_key or "",
            match_id=request.POST.get("match", ""),
        )
    else:
        # One that has gone since can be let go too.
        dog = get_object_or_404(Dog, slug=slug)
        for row in Favourite.objects.owned_by(request).filter(dog=dog):
            services.drop_dog(favourite=row)
    if "HX-Request" in request.headers:
        context = {"dog": dog, "is_kept": wanted, "words": request.POST.get("words") == "yes"}
        return render(request, "partials/keep.html", context)
    return redirect(back_to(request, reverse("favourites")))


def back_to(request: HttpRequest, otherwise: str) -> str:
    """The page that a form came from, as the form says it."""
    wanted = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    # Anything else would be taken for the name of a page, or for a place below this one.
    whole = wanted.startswith(("/", "http://", "https://"))
    return wanted if safe and whole else otherwise


@never_cache
@require_safe
def saved_searches(request: HttpRequest) -> HttpResponse:
    """Those of a signed-in user. Visitors end theirs by the link in each e-mail."""
    own = SavedSearch.objects.none()
    if isinstance(request.user, User):
        own = SavedSearch.objects.current().filter(owner=request.user).select_related("dog")
    rows = [(saved, Filters.from_canonical(saved.filters).active()) for saved in own]
    return render(request, "pages/saved_searches.html", {"rows": rows})


@require_POST
def delete_saved_search(request: HttpRequest, search_id: uuid.UUID) -> HttpResponse:
    own = SavedSearch.objects.filter(owner=request.user if request.user.is_authenticated else -1)
    services.delete_search(saved=get_object_or_404(own, pk=search_id))
    messages.success(request, _("The saved search is deleted, with all that we kept for it."))
    return redirect("saved_searches")


@require_POST
@limited(Letters)
def save_query(request: HttpRequest, query_id: uuid.UUID) -> HttpResponse:
    """E-mail when a dog like the one in this photo is listed."""
    query = get_object_or_404(Query.objects.owned_by(request), pk=query_id)
    return save(request, reverse("query", args=[query_id]), query=query)


@require_POST
@limited(Letters)
def save_dog(request: HttpRequest, slug: str) -> HttpResponse:
    """E-mail when a dog like this one is listed."""
    dog = get_object_or_404(Dog.objects.visible_to(request.user), slug=slug)
    return save(request, reverse("dog_similar", args=[slug]), dog=dog)


def save(
    request: HttpRequest, page: str, *, query: Query | None = None, dog: Dog | None = None
) -> HttpResponse:
    """Saves under the filters of the page and leads back to it, saying what came of it."""
    filters = Filters.from_params(request.GET)
    address = request.POST.get("email", "").strip()
    params = filters.params()
    back = f"{page}?{params}" if params else page
    user = request.user if isinstance(request.user, User) else None
    try:
        validate_email(address)
        saved = services.save_search(
            email=address,
            owner=user,
            language=get_language() or "en",
            filters=filters,
            dog=dog,
            query=query,
            consent=request.POST.get("consent") == "yes",
        )
    except ValidationError:
        messages.error(request, _("This is no e-mail address. Please look at it again."))
        return redirect(f"{back}#save")
    except services.SavedSearchRefused as refused:
        messages.error(request, sentence(refused.code))
        return redirect(f"{back}#save")
    if saved.confirmed_at:
        messages.success(request, _("Saved. We write to you when a dog like this is listed."))
    else:
        messages.success(
            request, _("Almost there: please open the link in the e-mail that we just sent you.")
        )
    return redirect(back)
