// de, pages that are not built yet, and the settings of this browser.

export default {
  "pages.unbuilt": "This page is not built yet",
  "pages.history": "The history is kept all the same, and can be had through the API.",
  "pages.plan": "Nothing is planned by the hub as yet.",
  "pages.journal": "The journal is kept all the same, and can be had through the API.",
  "pages.settings": "What the hub was set up with is in its configuration file.",
  "settings.here": "This browser",
  "settings.language": "Language",
  "settings.auto": "As the browser",
  "settings.theme": "Appearance",
  "settings.motion": "Motion",
  "settings.token": "{name}: {role}",
  "settings.notoken": "None: what this machine may see without one",
};
