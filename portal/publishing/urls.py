from django.contrib.sitemaps.views import sitemap
from django.urls import path

from portal.publishing import lists

urlpatterns = [
    path("embed/dogs/", lists.embedded, name="embedded"),
    path("embed.js", lists.embed_script, name="embed_script"),
    path("feeds/dogs.rss", lists.NewDogs(), name="dogs_rss"),
    path("feeds/dogs.atom", lists.NewDogsAtom(), name="dogs_atom"),
    path("sitemap.xml", sitemap, {"sitemaps": lists.SITEMAPS}, name="sitemap"),
    path("robots.txt", lists.robots, name="robots"),
    path("staff/export.csv", lists.export, name="export"),
]
