"""The language of a user's e-mails; the addresses of those who have an account are proved."""

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def prove(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Shelter staff and admins were entered by somebody who knew them."""
    users = apps.get_model("accounts", "User").objects.filter(emailaddress=None)
    addresses = apps.get_model("account", "EmailAddress").objects
    addresses.bulk_create(
        addresses.model(user=user, email=user.email.lower(), verified=True, primary=True)
        for user in users.iterator()
    )


class Migration(migrations.Migration):
    dependencies = [
        ("account", "0009_emailaddress_unique_primary_email"),
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="language",
            field=models.CharField(blank=True, max_length=8, verbose_name="language"),
        ),
        migrations.RunPython(prove, migrations.RunPython.noop),
    ]
