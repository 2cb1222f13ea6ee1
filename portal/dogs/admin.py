"""Dogs and photos to look at. Their writes go through services, so nothing is changed here."""

from django.contrib import admin
from unfold.admin import ModelAdmin, TabularInline

from portal.dogs.models import Breed, Dog, Photo, TemperamentValue
from portal.rows.readonly import ReadOnly


@admin.register(Breed)
class Breeds(ModelAdmin):
    list_display = ["name_en", "name_ko", "slug"]
    search_fields = ["name_en", "name_ko"]
    prepopulated_fields = {"slug": ["name_en"]}


class Temperament(ReadOnly, TabularInline):
    model = TemperamentValue


@admin.register(Dog)
class Dogs(ReadOnly, ModelAdmin):
    list_display = ["name", "shelter", "status", "sex", "weight_kg", "created_at"]
    list_filter = ["status", "shelter"]
    list_select_related = ["shelter"]
    search_fields = ["name", "slug", "external_id"]
    inlines = [Temperament]


@admin.register(Photo)
class Photos(ReadOnly, ModelAdmin):
    list_display = ["name", "dog", "state", "error_code", "width", "height", "created_at"]
    list_filter = ["state", "error_code"]
    list_select_related = ["dog"]
    search_fields = ["name", "dog__name"]
