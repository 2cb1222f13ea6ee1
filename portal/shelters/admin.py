from django.contrib import admin

from portal.shelters.models import Membership, Shelter


class Memberships(admin.TabularInline):
    model = Membership
    extra = 1
    autocomplete_fields = ["user"]


@admin.register(Shelter)
class Shelters(admin.ModelAdmin):
    list_display = ["name", "city", "phone", "email"]
    search_fields = ["name", "city"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [Memberships]
