curl -X DELETE "https://api.example.com/v1/auth/session" \
  -H "Content-Type: application/json" \
  -H "Authorization: Bearer your_access_token" \
  -d '{
    "session_id": "1234567890"
  }'
