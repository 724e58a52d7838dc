// nl, the page "now".

export default {
  "now.soon": "",
};
