// Deutsch: Seiten, die es noch nicht gibt, und die Einstellungen dieses Browsers.

/** @type {import("../../lib/messages.d.ts").Pages} */
export default {
  "pages.unbuilt": "Diese Seite gibt es noch nicht",
  "pages.history": "Der Verlauf wird trotzdem geführt und ist über die API zu haben.",
  "pages.plan": "Noch plant der Hub nichts.",
  "pages.journal": "Das Journal wird trotzdem geführt und ist über die API zu haben.",
  "pages.settings": "Womit der Hub eingerichtet wurde, steht in seiner Konfigurationsdatei.",
  "settings.here": "Dieser Browser",
  "settings.language": "Sprache",
  "settings.auto": "Wie der Browser",
  "settings.theme": "Darstellung",
  "settings.motion": "Bewegung",
  "settings.token": "{name}: {role}",
  "settings.notoken": "Keines: was dieser Rechner ohne eines sehen darf",
};
