// Reads a chosen entry file into the field that is sent; without a script its text is pasted.

const choose = document.getElementById("choose");
document.getElementById("chosen").hidden = false;
choose.addEventListener("change", async () => {
  const file = choose.files[0];
  if (file) document.getElementById("file").value = await file.text();
});
