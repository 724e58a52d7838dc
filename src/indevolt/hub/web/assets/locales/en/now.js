// English, the page "now".

export default {
  "now.soon": "",
};
