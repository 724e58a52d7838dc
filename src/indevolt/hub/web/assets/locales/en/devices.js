// English, the page "devices".

export default {
  "devices.soon": "",
};
