"""Breeds that Korea's shelters name and the first list lacked."""

from django.db import migrations

BREEDS = (
    ("pungsan-dog", "Pungsan Dog", "풍산개"),
    ("american-pit-bull-terrier", "American Pit Bull Terrier", "아메리칸 핏 불 테리어"),
)


def add(apps, schema_editor):
    breed = apps.get_model("dogs", "Breed")
    for slug, english, korean in BREEDS:
        breed.objects.get_or_create(slug=slug, defaults={"name_en": english, "name_ko": korean})


class Migration(migrations.Migration):
    dependencies = [("dogs", "0003_dog_events")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
