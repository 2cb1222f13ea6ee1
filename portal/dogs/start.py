"""Where a shelter's staff begin: what waits for them, and what happened lately."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from portal.accounts.access import SignedInRequest, staff_required
from portal.dogs import services
from portal.dogs.history import lines
from portal.dogs.models import Dog, DogChange, Photo
from portal.shelters.models import Shelter

LATEST = 8
TROUBLED = 12
PAGE_SIZE = 50
# What staff have to look at; a waiting photo only needs a moment.
TROUBLE = (Photo.State.NO_DOG, Photo.State.UNREADABLE, Photo.State.FAILED)


@never_cache
@require_safe
@staff_required
def home(request: SignedInRequest) -> HttpResponse:
    """Dogs by status, photos that could not be used, the latest changes."""
    mine = Dog.objects.editable_by(request.user)
    by_status = dict(mine.order_by().values_list("status").annotate(Count("pk")))
    photos = Photo.objects.editable_by(request.user).order_by("-pk").select_related("dog")
    troubled = photos.filter(state__in=TROUBLE)
    changes = DogChange.objects.filter(dog__in=mine).select_related("dog", "by")
    context = {
        "shelters": list(Shelter.objects.staffed_by(request.user)),
        "statuses": [(s.value, str(s.label), by_status.get(s.value, 0)) for s in Dog.Status],
        "waiting": photos.filter(state=Photo.State.WAITING).count(),
        "troubled": troubled[:TROUBLED],
        "troubled_count": troubled.count(),
        "can_retry": any(photo.can_retry for photo in troubled[:TROUBLED]),
        "changes": lines(changes[:LATEST]),
    }
    return render(request, "staff/home.html", context)


@require_POST
@staff_required
def retry_all(request: SignedInRequest) -> HttpResponse:
    """Every photo that can be tried again is."""
    photos = Photo.objects.editable_by(request.user).filter(state__in=TROUBLE)
    tried = [photo for photo in photos.select_related("dog") if photo.can_retry]
    for photo in tried:
        services.retry_photo(photo=photo)
    words = ngettext("%(n)d photo is tried again.", "%(n)d photos are tried again.", len(tried))
    messages.success(request, words % {"n": len(tried)})
    return redirect("staff:home")


@never_cache
@require_safe
@staff_required
def changes(request: SignedInRequest, slug: str) -> HttpResponse:
    """All that was changed of one dog, newest first."""
    dog = get_object_or_404(Dog.objects.editable_by(request.user), slug=slug)
    found = dog.changes.select_related("dog", "by")
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"dog": dog, "page": page, "changes": lines(page)}
    return render(request, "staff/changes.html", context)


@require_POST
@staff_required
def set_statuses(request: SignedInRequest) -> HttpResponse:
    """One status for several dogs: first a page with their names, then, once confirmed, done."""
    mine = Dog.objects.editable_by(request.user).prefetch_related("photos")
    dogs = list(mine.filter(slug__in=request.POST.getlist("dog")).order_by("name"))
    status = request.POST.get("status", "")
    if not dogs or status not in Dog.Status.values or status == Dog.Status.DRAFT:
        messages.error(request, _("Tick dogs in the list and choose what happens to them."))
        return redirect("staff:dogs")
    chosen = {"dogs": dogs, "status": Dog.Status(status)}
    if request.POST.get("sure") != "yes":
        return render(request, "staff/sure.html", chosen)
    left = services.set_statuses(dogs=dogs, status=status, by=request.user)
    done = len(dogs) - len(left)
    if done:
        words = ngettext("%(n)d dog is now: %(status)s.", "%(n)d dogs are now: %(status)s.", done)
        messages.success(request, words % {"n": done, "status": Dog.Status(status).label})
    if left:
        names = ", ".join(dog.name for dog in left)
        messages.error(
            request, _("Without a photo nobody finds a dog: %(names)s.") % {"names": names}
        )
    return redirect("staff:dogs")
