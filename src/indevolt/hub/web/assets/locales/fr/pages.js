// Français : les pages qui n’existent pas encore, et les réglages de ce navigateur.

/** @type {import("../../lib/messages.d.ts").Pages} */
export default {
  "pages.unbuilt": "Cette page n’existe pas encore",
  "pages.history": "L’historique est tenu malgré tout et s’obtient par l’API.",
  "pages.plan": "Le hub ne prévoit encore rien.",
  "pages.journal": "Le journal est tenu malgré tout et s’obtient par l’API.",
  "pages.settings": "Ce avec quoi le hub a été configuré est dans son fichier de configuration.",
  "settings.here": "Ce navigateur",
  "settings.language": "Langue",
  "settings.auto": "Comme le navigateur",
  "settings.theme": "Apparence",
  "settings.motion": "Mouvement",
  "settings.token": "{name} : {role}",
  "settings.notoken": "Aucun : ce que cette machine peut voir sans jeton",
};
