import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import org.apache.avro.NameValidator;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;

/** What Avro's own library says: for each line {"schema": text [, "old": text]} a line {"valid", "text" or "error" [, "messages"]}. */
public class Oracle {
  private static Schema parse(String text) {
    Schema.Parser parser = new Schema.Parser(NameValidator.STRICT_VALIDATOR);
    parser.setValidateDefaults(true);
    return parser.parse(text);
  }

  public static void main(String[] args) throws Exception {
    ObjectMapper json = new ObjectMapper();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      JsonNode question = json.readTree(line);
      ObjectNode answer = json.createObjectNode();
      try {
        Schema schema = parse(question.get("schema").asText());
        answer.put("valid", true);
        answer.put("text", schema.toString());
        if (question.has("old")) {
          Schema old = parse(question.get("old").asText());
          ArrayNode messages = answer.putArray("messages");
          SchemaCompatibility.checkReaderWriterCompatibility(schema, old).getResult().getIncompatibilities()
              .forEach(i -> messages.add(i.getType() + " " + i.getLocation() + " " + i.getMessage()));
        }
      } catch (Exception e) {
        answer.put("valid", false);
        answer.put("error", e.getClass().getSimpleName() + ": " + e.getMessage());
      }
      System.out.println(json.writeValueAsString(answer));
    }
  }
}
