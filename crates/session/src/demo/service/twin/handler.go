package main

import (
	"encoding/json"
	"net/http"
)

func handler() http.Handler {
	router := http.NewServeMux()
	for path, answer := range routes {
		answer := answer
		router.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			value, err := answer(r)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status(err))
			if err != nil {
				json.NewEncoder(w).Encode(map[string]any{"error": err.Error()})
				return
			}
			json.NewEncoder(w).Encode(map[string]any{"answer": value})
		})
	}
	return router
}
