"""What a code says to people: one sentence for what happened, one for what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from ml.containers import CLIP_LIMITS
from ml.images import DEFAULT_LIMITS

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

UNKNOWN = _("Something went wrong on our side. Please try again in a moment.")

SENTENCES: dict[str, StrPromise] = {
    # The file
    "empty_file": _("This file is empty. Please choose the photo again."),
    "file_too_large": format_lazy(
        _("This file is larger than {megabytes} MB. Please send a smaller version."),
        megabytes=settings.UPLOAD_MAX_BYTES // 1024 // 1024,
    ),
    "not_an_image": _("This file is not a photo. Please send a JPEG, PNG, WebP or HEIC photo."),
    "unsupported_format": _(
        "We can't read this kind of file. Please send a JPEG, PNG, WebP or HEIC photo."
    ),
    "too_many_pixels": format_lazy(
        _("This photo has more than {megapixels} megapixels. Please send a smaller version."),
        megapixels=DEFAULT_LIMITS.max_pixels // 1_000_000,
    ),
    "too_many_frames": _("This file is a film, not a photo. Please send a single photo."),
    "image_too_small": format_lazy(
        _("This photo is too small. Each side needs at least {pixels} pixels."),
        pixels=DEFAULT_LIMITS.min_side,
    ),
    "truncated_image": _("This photo is damaged or incomplete. Please send it again."),
    "too_heavy": _("This photo needs more memory than we have. Please send a smaller version."),
    "storage_full": _("We have no room for photos just now. Please try again later."),
    "storage_away": _("Photos can't be kept just now. Please try again in a minute."),
    "file_missing": _("This photo is no longer there. Please upload it again."),
    # What is seen in it
    "no_dog": _("We couldn't find a dog in this photo. Try one where its face is clear."),
    "no_dog_cat": _("This looks like a cat. Try a photo of a dog."),
    "no_dog_person": _(
        "This looks like a person. Try a photo where a dog fills most of the picture."
    ),
    "no_face": _("We couldn't find a face in this photo. Try one from the front."),
    "face_unclear": _(
        "The face in this photo is too small, blurred or turned too far to measure. Try a sharp "
        "one from the front."
    ),
    "consent_for_face": _(
        "This looks like a person. With their consent (consent=true) we compare the face."
    ),
    "face_consent_needed": _(
        "Please tick the box first. Without your consent we don't look at your face."
    ),
    # The photos of a listed dog
    "photo_already_there": _("This dog already has this photo. Please choose another one."),
    "too_many_photos": _("This dog has as many photos as it can have. Delete one to add another."),
    "too_many_uploads": _("Many photos wait for their dogs. Save this dog, then add more."),
    "upload_elsewhere": _("This photo is being sent twice. Leave one of the two windows."),
    "crop_too_small": _("That leaves too little of the photo. Make the frame larger."),
    "failed": _("We couldn't prepare this photo. Try again, or upload another one."),
    # Points that people mark
    "annotation_invalid": _("These points can't be stored. Please look at them again."),
    "photo_gone": _("This photo was cropped or deleted meanwhile. Here is the next one."),
    # Clips of a dog
    "clip_too_large": format_lazy(
        _("This clip is larger than {megabytes} MB. Please send a shorter one."),
        megabytes=settings.CLIP_MAX_BYTES // 1024 // 1024,
    ),
    "not_a_clip": _(
        "This file is not a film that we can read. Please send an MP4, MOV or WebM film."
    ),
    "clip_too_long": format_lazy(
        _("This clip is longer than {seconds} seconds. Please cut it, or record a shorter one."),
        seconds=int(CLIP_LIMITS.max_seconds),
    ),
    "clip_too_short": _("This clip is shorter than a second. Please record a longer one."),
    "clip_too_heavy": _(
        "This clip is too much to look at. Please record it smaller, at 1080p and 30 frames a "
        "second."
    ),
    "clip_too_small": format_lazy(
        _("This clip is too small. Each side needs at least {pixels} pixels."),
        pixels=CLIP_LIMITS.min_side,
    ),
    "clip_damaged": _("This clip is damaged or incomplete. Please record it again."),
    "clip_no_dog": _(
        "We couldn't find a dog in this clip. Record one in which all of it is in the picture."
    ),
    "clip_failed": _("We couldn't look at this clip. Try again, or record another one."),
    "clip_gone": _("This clip is no longer there. Please record it again."),
    "too_many_clips": _("This dog has as many clips as it can have. Delete one to add another."),
    # Dogs
    "bond_other_shelter": _("Bonded dogs live in one shelter. Choose a dog of the same shelter."),
    "bond_with_itself": _("A dog can't be bonded with itself. Choose another dog."),
    "unknown_status": _("That is not a status a dog can have. Please choose one from the list."),
    "dog_gone": _("This dog has found a home or is no longer listed. Ask for others like it."),
    # Saved searches and enquiries
    "consent_needed": _("Please tick that the photo's description may be kept."),
    "too_many_saved_searches": _("This address has as many saved searches as it can have."),
    "search_not_answered": _("This search isn't answered yet. Wait for its dogs, then save it."),
    "link_invalid": _("This link is not valid any more. Please start again on the site."),
    "too_many_enquiries": _("That was a lot of questions at once. Please ask again in an hour."),
    "enquiry_closed": _("This enquiry is closed. Open it again to write more."),
    # Members and accounts
    "last_member": _("A shelter needs somebody who works for it. Invite somebody else first."),
    "already_member": _("This person works for the shelter already."),
    "too_many_invitations": _("That was a lot of invitations at once. Go on in an hour."),
    "other_address": _("This invitation is for another address. Log in with that one."),
    "last_admin": _("Somebody has to look after Pawkin. Make somebody else an admin first."),
    # Feeds
    "feed_unreachable": _("The feed's address doesn't answer. Check it, or try again later."),
    "feed_key_refused": _("The feed refused its key. Enter the key again."),
    "feed_key_unreadable": _("The stored key can't be read any more. Enter the key again."),
    "feed_limit_reached": _("The feed allows no more requests for now. Try again later."),
    "feed_answer_unreadable": _("The feed's answer can't be read. Check its address and settings."),
    "feed_answer_too_large": _("The feed sent more than we take. Send less at once."),
    "feed_address_refused": _("Feeds are read from public addresses only. Use another address."),
    "feed_photo_refused": _("The feed didn't give this photo. Look at it in the source."),
    "feed_settings_missing": _("A setting of this feed is missing. Fill it in."),
    "feed_kind_unknown": _("There is no feed of this kind. Choose one from the list."),
    "feed_suspicious": _(
        "More than half of the dogs are gone from the feed, so none was withdrawn. Look at the "
        "source, then confirm."
    ),
    "not_an_archive": _("This file is no ZIP archive. Pack dogs.csv and the photos into one."),
    "archive_too_large": _("This archive is too large. Send the dogs in several ones."),
    "import_running": _("The last table of this shelter is still being read. Wait for its end."),
    "archive_gone": _("This table was used, or is a day old. Please upload it again."),
    # Calls
    "no_match": _("No dog suits these wishes now. Leave some of them out."),
    "search_expired": _("This search has ended and is deleted. Please send the photo again."),
    "idempotency_key_reused": _(
        "This Idempotency-Key belongs to another request. Send a new key with a new request."
    ),
    "idempotency_in_progress": _("The same request is at work. Send it again in a moment."),
    # Work and models
    "worker_lost": _(
        "We tried three times and had to stop each time. Please try another photo, or again later."
    ),
    "timed_out": _("This took too long. Please try again in a moment."),
    "failed_inside": UNKNOWN,
    "no_active_version": _("Search is still being set up. Please try again in a minute."),
    "unknown_model": _("There is no model of that name. Choose one from the list."),
    "model_mismatch": _(
        "A model's files don't belong together. Restore them from the repository and restart."
    ),
    "nothing_paused": _("This reindex isn't paused. Begin a new one."),
    "reindex_running": _("Another reindex is running. Wait for its end, or cancel it first."),
    "too_little_feedback": _(
        "There is too little feedback to learn from yet. Come back when there is more."
    ),
    "weights_not_better": _(
        "These weights are no better than the fixed ones. Learn again when there is more feedback."
    ),
    "photos_missing": _(
        "Some photos are not described by this version yet. Reindex with it, then switch."
    ),
}


def sentence(code: str) -> StrPromise:
    """The sentence for a code, in the reader's language; a general one where it is unknown."""
    return SENTENCES.get(code, UNKNOWN)
