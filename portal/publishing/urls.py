from django.contrib.sitemaps.views import index, sitemap
from django.urls import path

from portal.publishing import lists

urlpatterns = [
    path("embed/dogs/", lists.embedded, name="embedded"),
    path("embed.js", lists.embed_script, name="embed_script"),
    path("feeds/dogs.rss", lists.served(lists.NewDogs()), name="dogs_rss"),
    path("feeds/dogs.atom", lists.served(lists.NewDogsAtom()), name="dogs_atom"),
    path("sitemap.xml", index, lists.SITEMAP, name="sitemap"),
    path("sitemap-<section>.xml", sitemap, {"sitemaps": lists.SITEMAPS}, name="sitemap_section"),
    path("robots.txt", lists.robots, name="robots"),
    path("staff/export.csv", lists.export, name="dogs_table"),
]
