// de, the page "devices".

export default {
  "devices.soon": "",
};
