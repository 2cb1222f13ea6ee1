"""Pungsan and Poongsan are one breed, 풍산개; staff had both to choose from."""

from django.db import migrations


def join(apps, schema_editor):
    breed = apps.get_model("dogs", "Breed")
    double = breed.objects.filter(slug="pungsan-dog").first()
    if double is None:
        return
    kept, _new = breed.objects.get_or_create(
        slug="poongsan", defaults={"name_en": "Poongsan", "name_ko": "풍산개"}
    )
    kept.dogs.add(*double.dogs.all())
    double.delete()


class Migration(migrations.Migration):
    dependencies = [("dogs", "0004_more_breeds")]
    operations = [migrations.RunPython(join, migrations.RunPython.noop)]
