"""Old code may run beside the tables of new code: the rules of docs/deployment.md, held."""

import pytest
from django.apps import apps
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connection, models
from django.db.migrations import operations as ops
from django.db.migrations.loader import MigrationLoader

# Tables that grow with photos or searches: an index on one must not stop writes while it is made.
LARGE = {"photo", "embedding", "keypoints", "rejection", "match", "ranking", "job", "dogchange"}
# Older than these rules, of tables that were small or empty then. No more come to it.
BEFORE_THE_RULES = {
    ("accounts", "0002_addresses"),
    ("dogs", "0008_health_crops_variants"),
    ("shelters", "0002_where"),
}
OURS = {config.label for config in apps.get_app_configs() if config.name.startswith("portal.")}


def migrations():
    loader = MigrationLoader(None, ignore_no_migrations=True)
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if app in OURS and not migration.initial and not name.startswith("0001"):
            yield pytest.param(app, migration, id=f"{app}.{name}")


def present(app, model, field):
    """The field as the code has it now; None where it is gone again."""
    try:
        return apps.get_model(app, model)._meta.get_field(field)
    except (LookupError, models.FieldDoesNotExist):
        return None


def is_early(app, migration):
    return (app, migration.name) in BEFORE_THE_RULES


def made_here(migration):
    return {op.name_lower for op in migration.operations if isinstance(op, ops.CreateModel)}


@pytest.mark.parametrize(("app", "migration"), migrations())
def test_old_code_can_write_rows_of_new_tables(app, migration):
    for op in migration.operations:
        if not isinstance(op, ops.AddField) or op.field.many_to_many:
            continue
        if op.model_name_lower in made_here(migration):
            continue
        # A later migration may have given it what it lacked.
        field = present(app, op.model_name, op.name) or op.field
        assert field.null or field.has_db_default(), f"{op.model_name}.{op.name}"


@pytest.mark.parametrize(("app", "migration"), migrations())
def test_nothing_that_old_code_uses_is_renamed_or_dropped(app, migration):
    gone = (ops.RemoveField, ops.RenameField, ops.RenameModel, ops.DeleteModel, ops.AlterModelTable)
    assert not [op for op in migration.operations if isinstance(op, gone)]


@pytest.mark.parametrize(("app", "migration"), migrations())
def test_an_index_on_a_large_table_is_made_beside_its_writers(app, migration):
    for op in migration.operations:
        if isinstance(op, ops.AddIndex) and not isinstance(op, AddIndexConcurrently):
            harmless = op.model_name_lower in made_here(migration) or is_early(app, migration)
            assert harmless or op.model_name_lower not in LARGE, op.describe()


@pytest.mark.parametrize(("app", "migration"), migrations())
def test_data_is_not_changed_in_the_transaction_that_changes_tables(app, migration):
    moves = [op for op in migration.operations if isinstance(op, ops.RunPython | ops.RunSQL)]
    others = [op for op in migration.operations if op not in moves]
    assert not (moves and others) or is_early(app, migration)


@pytest.mark.django_db
def test_a_row_without_the_newest_columns_can_be_written():
    """As a worker of the version before would: its INSERT does not name them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO insights_prediction (purpose, outcome, breed, milliseconds, at) "
            "VALUES ('search', 'ok', '', 5, '2026-01-01 00:00:00+00:00')"
        )
        cursor.execute("SELECT band FROM insights_prediction")
        assert cursor.fetchone() == ("",)
