// Nederlands: pagina's die er nog niet zijn, en de instellingen van deze browser.

/** @type {import("../../lib/messages.d.ts").Pages} */
export default {
  "pages.unbuilt": "Deze pagina is er nog niet",
  "pages.history": "Het verloop wordt toch bijgehouden en is via de API te krijgen.",
  "pages.plan": "De hub plant nog niets.",
  "pages.journal": "Het logboek wordt toch bijgehouden en is via de API te krijgen.",
  "pages.settings": "Waarmee de hub is ingericht, staat in zijn configuratiebestand.",
  "settings.here": "Deze browser",
  "settings.language": "Taal",
  "settings.auto": "Zoals de browser",
  "settings.theme": "Weergave",
  "settings.motion": "Beweging",
  "settings.token": "{name}: {role}",
  "settings.notoken": "Geen: wat deze computer zonder mag zien",
};
