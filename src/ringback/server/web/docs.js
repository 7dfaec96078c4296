// The description of the interface, to read and to try.
SwaggerUIBundle({
  url: "/openapi.json",
  domNode: document.getElementById("interface"),
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  persistAuthorization: false,
});
