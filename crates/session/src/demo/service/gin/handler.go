package main

import (
	"io"
	"net/http"

	"github.com/gin-gonic/gin"
)

func handler() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultWriter = io.Discard
	gin.DefaultErrorWriter = io.Discard
	router := gin.Default()
	for path, answer := range routes {
		answer := answer
		router.GET(path, func(c *gin.Context) {
			value, err := answer(c.Request)
			if err != nil {
				c.JSON(status(err), gin.H{"error": err.Error()})
				return
			}
			c.JSON(http.StatusOK, gin.H{"answer": value})
		})
	}
	return router
}
