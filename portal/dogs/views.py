"""The pages of shelter staff: their dogs, a new dog, one dog with its photos."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.files import File
from django.core.paginator import Paginator
from django.db import IntegrityError
from django.db.models import Count, Exists, OuterRef, Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from portal.accounts.access import SignedInRequest, staff_required
from portal.dogs import pieces, services
from portal.dogs.forms import BondForm, DogForm, NewDogForm, TemperamentForm
from portal.dogs.history import lines
from portal.dogs.models import Breed, Dog, Photo
from portal.dogs.start import LATEST, TROUBLE
from portal.dogs.storage import NOT_STORED
from portal.dogs.uploads import Refusal
from portal.jobs.messages import sentence
from portal.shelters.models import Shelter

PAGE_SIZE = 30


@dataclass(frozen=True)
class Row:
    """A dog of the list with the photo that stands for it and the one state that matters."""

    dog: Dog
    photo: Photo | None
    state: Photo.State | None
    trouble: int

    @classmethod
    def of(cls, dog: Dog) -> Row:
        photos = list(dog.photos.all())
        states = {Photo.State(photo.state) for photo in photos}
        order = (Photo.State.WAITING, Photo.State.SEARCHABLE, *TROUBLE)
        return cls(
            dog=dog,
            photo=next((p for p in photos if p.thumbnail), None),
            state=next((state for state in order if state in states), None),
            trouble=sum(photo.state in TROUBLE for photo in photos),
        )


@staff_required
@require_GET
def dogs(request: SignedInRequest) -> HttpResponse:
    """The list: counts by status, a status, a name, a page."""
    mine = Dog.objects.editable_by(request.user)
    troubled = Photo.objects.filter(dog=OuterRef("pk"), state__in=TROUBLE)
    by_status = dict(mine.order_by().values_list("status").annotate(Count("pk")))
    status, name = request.GET.get("status", ""), request.GET.get("q", "").strip()
    found = mine
    if status in Dog.Status.values:
        found = found.filter(status=status)
    elif status == "trouble":
        found = found.filter(Exists(troubled))
    if name:
        found = found.filter(name__icontains=name)
    rows = found.select_related("shelter").prefetch_related(
        Prefetch("photos", Photo.objects.defer("upload", "sha256"))
    )
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    tabs = [("", _("all"), sum(by_status.values()))]
    tabs += [(s.value, str(s.label), by_status.get(s, 0)) for s in Dog.Status]
    tabs += [("trouble", _("photos to look at"), mine.filter(Exists(troubled)).count())]
    shelters = list(Shelter.objects.staffed_by(request.user))
    return render(
        request,
        "staff/dogs.html",
        {
            "page": page,
            "rows": [Row.of(dog) for dog in page],
            "tabs": tabs,
            "status": status,
            "name": name,
            "shelters": shelters,
            "statuses": [s for s in Dog.Status if s != Dog.Status.DRAFT],
        },
    )


@staff_required
@require_http_methods(["GET", "POST"])
def dog_new(request: SignedInRequest) -> HttpResponse:
    """One screen. With scripts the chosen photos stay in the browser while fields are mended."""
    shelters = Shelter.objects.staffed_by(request.user)
    if not shelters:
        return redirect("staff:dogs")
    if request.method == "GET":
        form = NewDogForm(shelters=shelters, initial={"submission": uuid.uuid4()})
        return render_new(request, form, TemperamentForm())
    form = NewDogForm(request.POST, request.FILES, shelters=shelters)
    temperament = TemperamentForm(request.POST)
    if not (form.is_valid() & temperament.is_valid()):
        return render_new(request, form, temperament)
    dog = list_dog(request, form, temperament)
    address = reverse("staff:dog_edit", args=[dog.slug])
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


def list_dog(request: SignedInRequest, form: NewDogForm, temperament: TemperamentForm) -> Dog:
    """The form's dog with those of its photos that can be used; of the others it says why."""
    fields, shelter = form.facts(), form.cleaned_data["shelter"]
    fields["external_id"] = f"form:{form.cleaned_data['submission']}"
    try:
        dog = services.create_dog(
            shelter=shelter, by=request.user, fields=fields, temperament=temperament.values()
        )
    except IntegrityError:
        # The same form came before; if that was cut short, what it lacks is done now.
        dog = Dog.objects.get(shelter=shelter, external_id=fields["external_id"])
    uploads = pieces.arrived(owner=request.user, ids=form.uploads)
    try:
        files = [*map(pieces.assembled, uploads), *form.cleaned_data["photos"]]
    except pieces.UploadRefused as error:
        refused = [Refusal(error.detail, error.code)]
        say(request, refused)
    else:
        refused = add_files(request, dog, files, there_is_fine=True)
    # What could not be stored is kept for another try.
    if not any(refusal.code in NOT_STORED for refusal in refused):
        pieces.discard(uploads=uploads)
    if not form.publishes:
        messages.success(request, _("Saved as a draft. Only your shelter can see it."))
    elif dog.photos.exists():
        services.publish_dog(dog=dog, by=request.user)
        messages.success(
            request, _("%(name)s is listed and can be found in a moment.") % {"name": dog.name}
        )
    elif refused:
        messages.warning(
            request, _("Saved as a draft, because none of the photos can be used. Add another.")
        )
    return dog


def add_files(
    request: SignedInRequest, dog: Dog, files: Sequence[File], *, there_is_fine: bool = False
) -> list[Refusal]:
    """Adds the files that can be used and says of each of the others why not."""
    results = services.add_photos(dog=dog, files=files, by=request.user)
    refused = [result for result in results if isinstance(result, Refusal)]
    if there_is_fine:
        refused = [refusal for refusal in refused if refusal.code != "photo_already_there"]
    say(request, refused)
    return refused


def say(request: SignedInRequest, refused: Sequence[Refusal]) -> None:
    for refusal in refused:
        messages.error(request, f"{refusal.file_name}: {sentence(refusal.code)}")


def render_new(
    request: SignedInRequest, form: NewDogForm, temperament: TemperamentForm
) -> HttpResponse:
    return render(
        request,
        "staff/new_fields.html" if request.htmx else "staff/dog_new.html",
        {
            "form": form,
            "answers": [(field, None) for field in temperament.answers()],
            "scales": [(field, None) for field in temperament.scales()],
            "breeds": Breed.objects.all(),
        },
        status=422 if form.is_bound else 200,
    )


def editable_dog(request: SignedInRequest, slug: str) -> Dog:
    """The dog, if this person may edit it; a dog of another shelter is not there (404)."""
    dogs = Dog.objects.editable_by(request.user).select_related("shelter", "bonded_with")
    return get_object_or_404(dogs, slug=slug)


@staff_required
@require_http_methods(["GET", "POST"])
def dog_edit(request: SignedInRequest, slug: str) -> HttpResponse:
    """Facts and temperament in one form; photos, status and bond beside it."""
    dog = editable_dog(request, slug)
    known = {row.trait: row for row in dog.temperament.select_related("set_by")}
    values = {trait: row.answer or str(row.level) for trait, row in known.items()}
    if request.method == "POST":
        form = DogForm(request.POST, instance=dog, initial={"breeds": list(dog.breeds.all())})
        temperament = TemperamentForm(request.POST, values=values)
        if form.is_valid() & temperament.is_valid():
            services.update_dog(
                dog=Dog.objects.get(pk=dog.pk),
                by=request.user,
                fields=form.facts(),
                temperament=temperament.values(),
            )
            messages.success(request, _("Saved."))
            return redirect("staff:dog_edit", slug=slug)
        dog = editable_dog(request, slug)
    else:
        form = DogForm(instance=dog, initial={"breeds": list(dog.breeds.all())})
        temperament = TemperamentForm(values=values)
    return render(
        request,
        "staff/dog_edit.html",
        {
            "dog": dog,
            **photo_context(dog),
            "form": form,
            "answers": [(field, known.get(field.name)) for field in temperament.answers()],
            "scales": [(field, known.get(field.name)) for field in temperament.scales()],
            "bond": BondForm(dog=dog),
            "statuses": Dog.Status,
            "breeds": Breed.objects.all(),
            "changes": lines(dog.changes.select_related("dog", "by")[:LATEST]),
        },
        status=422 if form.is_bound else 200,
    )


@staff_required
@require_POST
def dog_status(request: SignedInRequest, slug: str) -> HttpResponse:
    dog = editable_dog(request, slug)
    status = request.POST.get("status", "")
    if status == Dog.Status.AVAILABLE and not dog.photos.exists():
        messages.error(request, _("Add a photo first: without one nobody can find this dog."))
        return redirect("staff:dog_edit", slug=slug)
    try:
        services.set_status(dog=dog, status=status, by=request.user)
    except services.DogConflict as error:
        messages.error(request, sentence(error.code))
    else:
        words = {"name": dog.name, "status": dog.get_status_display()}
        messages.success(request, _("%(name)s is now: %(status)s.") % words)
    return redirect("staff:dog_edit", slug=slug)


@staff_required
@require_POST
def dog_bond(request: SignedInRequest, slug: str) -> HttpResponse:
    dog = editable_dog(request, slug)
    form = BondForm(request.POST, dog=dog)
    if not form.is_valid():
        messages.error(request, str(form.errors["other"][0]))
        return redirect("staff:dog_edit", slug=slug)
    services.bond_dogs(dog=dog, other=form.cleaned_data["other"], by=request.user)
    if dog.bonded_with:
        words = {"name": dog.name, "other": dog.bonded_with.name}
        messages.success(request, _("%(name)s and %(other)s are shown together.") % words)
    else:
        messages.success(request, _("%(name)s is shown alone.") % {"name": dog.name})
    return redirect("staff:dog_edit", slug=slug)


@dataclass(frozen=True)
class Tile:
    """A photo with the orders that its arrows and its star ask for; empty where it cannot move."""

    photo: Photo
    earlier: str
    later: str
    cover: str


def tiles(dog: Dog) -> list[Tile]:
    photos = list(dog.photos.all())
    ids = [photo.pk for photo in photos]

    def swapped(one: int, two: int) -> str:
        if one < 0 or two >= len(ids):
            return ""
        order = list(ids)
        order[one], order[two] = order[two], order[one]
        return ",".join(str(pk) for pk in order)

    def first(number: int) -> str:
        # To the second its arrow says the same.
        order = [ids[number], *ids[:number], *ids[number + 1 :]]
        return ",".join(str(pk) for pk in order) if number > 1 else ""

    return [Tile(p, swapped(n - 1, n), swapped(n, n + 1), first(n)) for n, p in enumerate(photos)]


def photo_context(dog: Dog) -> dict[str, Any]:
    shown = tiles(dog)
    return {
        "tiles": shown,
        "waiting": any(t.photo.state == Photo.State.WAITING or t.photo.crop for t in shown),
        "order": ",".join(str(tile.photo.pk) for tile in shown),
    }


def answer_photos(request: SignedInRequest, dog: Dog) -> HttpResponse:
    """The photos as they are now: the fragment to a script, the whole page to a plain form."""
    if not request.htmx:
        return redirect("staff:dog_edit", slug=dog.slug)
    return render(request, "staff/photos.html", {"dog": dog, **photo_context(dog)})


@staff_required
@require_GET
def photos(request: SignedInRequest, slug: str) -> HttpResponse:
    return answer_photos(request, editable_dog(request, slug))


@staff_required
@require_POST
def photo_add(request: SignedInRequest, slug: str) -> HttpResponse:
    dog = editable_dog(request, slug)
    files = request.FILES.getlist("photos")
    if not files:
        messages.error(request, _("Choose at least one photo."))
    add_files(request, dog, files)
    return answer_photos(request, dog)


@staff_required
@require_POST
def photo_order(request: SignedInRequest, slug: str) -> HttpResponse:
    dog = editable_dog(request, slug)
    ids = request.POST.get("order", "").split(",")
    named = [int(pk) for pk in ids if pk.isdecimal()]
    services.order_photos(dog=dog, photo_ids=named, by=request.user)
    return answer_photos(request, dog)


def editable_photo(request: SignedInRequest, photo_id: int) -> Photo:
    photos = Photo.objects.editable_by(request.user).select_related("dog")
    return get_object_or_404(photos, pk=photo_id)


@staff_required
@require_POST
def photo_delete(request: SignedInRequest, photo_id: int) -> HttpResponse:
    photo = editable_photo(request, photo_id)
    services.delete_photo(photo=photo, by=request.user)
    return answer_photos(request, photo.dog)


@staff_required
@require_POST
def photo_retry(request: SignedInRequest, photo_id: int) -> HttpResponse:
    photo = editable_photo(request, photo_id)
    try:
        services.retry_photo(photo=photo)
    except services.DogConflict as error:
        messages.error(request, sentence(error.code))
    return answer_photos(request, photo.dog)
