"""What search engines and messengers read of a dog's page."""

from __future__ import annotations

import json
from urllib.parse import urljoin

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from portal.dogs.models import Dog
from portal.dogs.words import facts_line


def linked_data(dog: Dog, picture: str) -> SafeString:
    """JSON-LD for a dog's page. schema.org has no type for an animal, and a Product with an Offer
    would make goods of it: a Thing of Wikidata's kind "dog" is what it is, on a page of an
    AnimalShelter."""
    told = {
        "@context": "https://schema.org",
        "@type": "WebPage",
        "url": f"{settings.SITE_URL}{reverse('dog', args=[dog.slug])}",
        "dateModified": dog.updated_at.isoformat(),
        "mainEntity": {
            "@type": "Thing",
            "additionalType": "http://www.wikidata.org/entity/Q144",
            "name": dog.name,
            "description": dog.description or facts_line(dog),
            **({"image": urljoin(settings.SITE_URL, picture)} if picture else {}),
        },
        "provider": {
            "@type": "AnimalShelter",
            "name": dog.shelter.name,
            **({"telephone": dog.shelter.phone} if dog.shelter.phone else {}),
            **({"address": dog.shelter.address} if dog.shelter.address else {}),
        },
    }
    escaped = {"<": "\\u003C", ">": "\\u003E", "&": "\\u0026"}
    text = json.dumps(told, ensure_ascii=False).translate({ord(c): e for c, e in escaped.items()})
    # Nothing in it can end the element it stands in.
    return mark_safe(text)  # noqa: S308  # nosec B308 B703
