// Each call of franz-go's registry client that a program makes, once.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/twmb/franz-go/pkg/sr"
)

const stock = `{"type":"record","name":"Stock","namespace":"idx","fields":[{"name":"ticker","type":"string"}]}`

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func expect(ok bool, what string) {
	if !ok {
		log.Fatal("unexpected: ", what)
	}
}

func main() {
	ctx := context.Background()
	c := must(sr.NewClient(sr.URLs("http://" + os.Getenv("SERVER"))))
	made := must(c.CreateSchema(ctx, "go-value", sr.Schema{Schema: stock}))
	expect(made.Version == 1 && made.Schema.Schema == stock, "the schema that was made")
	expect(must(c.SchemaByID(ctx, made.ID)).Schema == stock, "the schema by its id")
	expect(must(c.LookupSchema(ctx, "go-value", sr.Schema{Schema: stock})).ID == made.ID, "the schema looked up")
	ref := sr.SchemaReference{Name: "idx.Stock", Subject: "go-value", Version: 1}
	list := must(c.CreateSchema(ctx, "go-list", sr.Schema{Schema: `{"type":"array","items":"idx.Stock"}`, References: []sr.SchemaReference{ref}}))
	expect(len(list.References) == 1, "its references")
	expect(len(must(c.SchemaReferences(ctx, "go-value", 1))) == 1, "who refers to it")
	check := must(c.CheckCompatibility(ctx, "go-value", -1, sr.Schema{Schema: `"int"`}))
	expect(!check.Is, "an int after a record")
	set := c.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFull}, "go-value")
	expect(len(set) == 1 && set[0].Err == nil && set[0].Level == sr.CompatFull, "the level")
	expect(len(must(c.Subjects(ctx))) == 2, "the subjects")
	expect(len(must(c.SupportedTypes(ctx))) == 3, "the types")
	mode := c.Mode(ctx)
	expect(len(mode) == 1 && mode[0].Err == nil && mode[0].Mode == sr.ModeReadWrite, "the mode")
	expect(len(must(c.DeleteSubject(ctx, "go-list", sr.SoftDelete))) == 1, "the deleted versions")
	fmt.Println("registry-go: ok")
}
