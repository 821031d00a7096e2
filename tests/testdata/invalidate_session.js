const response = await fetch("https://api.example.com/v1/auth/session", {
  method: "DELETE",
  headers: {
    "Content-Type": "application/json",
    "Authorization": "Bearer your_access_token"
  },
  body: JSON.stringify({ session_id: "1234567890" })
});

const data = await response.json();
console.log(data.message);
