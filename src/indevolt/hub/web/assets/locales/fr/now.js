// fr, the page "now".

export default {
  "now.soon": "",
};
