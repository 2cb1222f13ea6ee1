from django.contrib import admin
from unfold.admin import ModelAdmin, TabularInline

from portal.shelters.models import Membership, Shelter


class Memberships(TabularInline):
    model = Membership
    extra = 1
    autocomplete_fields = ["user"]


@admin.register(Shelter)
class Shelters(ModelAdmin):
    list_display = ["name", "city", "phone", "email"]
    search_fields = ["name", "city"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [Memberships]
