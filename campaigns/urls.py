"""The addresses of what a marketer plans."""

from django.urls import path

from campaigns.views import audiences, campaigns, launch, previews, sending_profiles, templates

app_name = "campaigns"

urlpatterns = [
    path("", campaigns.campaign_list, name="list"),
    path("new/", campaigns.create, name="create"),
    path("<int:pk>/", campaigns.overview, name="overview"),
    path("<int:pk>/edit/", campaigns.edit, name="edit"),
    path("<int:pk>/launch/", launch.launch, name="launch"),
    path("audiences/", audiences.audience_list, name="audiences"),
    path("audiences/new/", audiences.create, name="audience_create"),
    path("audiences/<int:pk>/", audiences.edit, name="audience"),
    path("audiences/<int:pk>/count/", audiences.count, name="audience_count"),
    path("templates/", templates.template_list, name="templates"),
    path("templates/new/", templates.create, name="template_create"),
    path("templates/draft/", previews.template_draft, name="template_draft"),
    path("templates/reading/", previews.template_reading, name="template_reading"),
    path("templates/<int:pk>/", templates.edit, name="template"),
    path("templates/<int:pk>/preview/", previews.template_preview, name="template_preview"),
    path("sending-profiles/", sending_profiles.sending_profile_list, name="sending_profiles"),
    path("sending-profiles/new/", sending_profiles.create, name="sending_profile_create"),
    path("sending-profiles/<int:pk>/", sending_profiles.edit, name="sending_profile"),
]
