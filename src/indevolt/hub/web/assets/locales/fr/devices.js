// fr, the page "devices".

export default {
  "devices.soon": "",
};
